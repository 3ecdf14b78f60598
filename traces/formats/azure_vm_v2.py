"""Azure's virtual machines of 2019 (AzurePublicDataset V2): as V1, but for sizes, which are given in buckets."""

from __future__ import annotations

from typing import ClassVar

from traces.formats.azure_vm_v1.reader import CREDIT, LICENCE, AzureVm
from traces.formats.azure_vm_v1.vms import Edition
from traces.formats.azure_vm_v1.vms import looks_like_v2 as looks_like

__all__ = ["READER", "AzureVmV2", "looks_like"]


class AzureVmV2(AzureVm):
    """The edition of 2019. A size is the upper edge of its bucket; of those without one it is assumed."""

    format: ClassVar[str] = "azure_vm_v2"
    dataset: ClassVar[str] = "Azure VM trace V2 (2019): 2,695,548 virtual machines in 30 days"
    licence: ClassVar[str] = LICENCE
    credit: ClassVar[str] = CREDIT
    #: Azure's next larger sizes in 2019 had 32 cores and 128 GB.
    edition: ClassVar[Edition] = Edition(2_591_400.0, {"cores": {">24": 32.0}, "memory_gb": {">64": 128.0}})

    def assumptions(self) -> list[str]:
        """List units, what is left out, and how often the recording was odd."""
        return ["cores and memory are the upper edges of their buckets", *super().assumptions()]


READER = AzureVmV2
