"""Azure's virtual machines of 2017 (AzurePublicDataset V1), and what its trace of 2019 (V2) has in common with it.

`vms` reads the table of machines, `readings` what was measured of them, `reader` puts both together.
"""

from traces.formats.azure_vm_v1.reader import AzureVm, AzureVmV1
from traces.formats.azure_vm_v1.vms import looks_like_v1 as looks_like

__all__ = ["READER", "AzureVm", "AzureVmV1", "looks_like"]

READER = AzureVmV1
