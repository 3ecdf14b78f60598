"""Where the publishers of the data sets keep them, on which terms, and where each address is from.

An address is confirmed where a page, a script or a list of the data set's own publisher names it; of the others
`DataSet.source` says who does. None of them was asked when this was written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

STUDY = "for research or study (alibaba/clusterdata); no formal licence"
CC_BY = "CC-BY 4.0"

ALIBABA_RAW = "https://raw.githubusercontent.com/alibaba/clusterdata/master"
ALIBABA_OSS = "https://aliopentrace.oss-cn-beijing.aliyuncs.com"
AZURE_RELEASES = "https://github.com/Azure/AzurePublicDataset/releases/download"
GOOGLE_2011 = "https://storage.googleapis.com/clusterdata-2011-2"
HUJI = "https://www.cs.huji.ac.il/labs/parallel/workload"


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a data set.

    Attributes
    ----------
    name : str
        Where it goes in the folder of the data set.
    url : str
        Its address.
    sha256 : str
        Its published checksum, in hexadecimal; empty where there is none.
    """

    name: str
    url: str
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class DataSet:
    """A public data set.

    Attributes
    ----------
    title : str
        What it is called.
    licence, credit : str
        On which terms it may be used, and whom to name; one line each.
    page : str
        Where its publisher describes it.
    source : str
        Where the addresses are from.
    files : tuple of RemoteFile
        What there is to fetch; empty where no address is public.
    about : str
        How large it is, as its publisher says; empty for unknown.
    confirmed : bool
        Whether its publisher names these addresses.
    checksums : str
        Address of a list of checksums of the files, in the form of ``sha256sum``; empty for none.
    note : str
        What to know before, or to do with the files then.
    """

    title: str
    licence: str
    credit: str
    page: str
    source: str
    files: tuple[RemoteFile, ...] = ()
    about: str = ""
    confirmed: bool = True
    checksums: str = ""
    note: str = ""

    def matching(self, patterns: Iterable[str]) -> Iterator[RemoteFile]:
        """Give the files whose names match one of some patterns, as a shell has them; without patterns all."""
        wanted = tuple(patterns)
        for file in self.files:
            if not wanted or any(fnmatchcase(file.name, pattern) for pattern in wanted):
                yield file


def _files(base: str, names: Iterable[str]) -> tuple[RemoteFile, ...]:
    return tuple(RemoteFile(name, f"{base}/{name}") for name in names)


def _known(base: str, known: dict[str, str], suffix: str = "") -> tuple[RemoteFile, ...]:
    """List files of which checksums are known."""
    return tuple(RemoteFile(f"{name}{suffix}", f"{base}/{name}{suffix}", digest) for name, digest in known.items())


def _google_2011() -> Iterator[str]:
    yield from ("README", "schema.csv")
    for table in ("machine_events", "machine_attributes"):
        yield f"{table}/part-00000-of-00001.csv.gz"
    for table in ("job_events", "task_events", "task_constraints", "task_usage"):
        yield from (f"{table}/part-{part:05d}-of-00500.csv.gz" for part in range(500))


def _azure(tag: str, readings: int, deployments: str) -> tuple[RemoteFile, ...]:
    """List the files of a trace of VMs; assets of a release have the path in their name."""
    paths = [
        "vmtable/vmtable.csv.gz", f"{deployments}/{deployments}.csv.gz", "subscriptions/subscriptions.csv.gz",
        *(f"vm_cpu_readings/vm_cpu_readings-file-{part}-of-{readings}.csv.gz" for part in range(1, readings + 1)),
    ]  # fmt: skip
    base = f"{AZURE_RELEASES}/{tag}"
    assets = [RemoteFile(path, f"{base}/trace_data_{path.replace('/', '_')}") for path in paths]
    return (RemoteFile("schema.csv", f"{base}/schema.csv"), *assets)


_AZURE_SOURCE = (
    "the publisher's workflow that moved the files to releases (.github/workflows/migrate-blob-to-release.yml), and "
    "public scripts that fetch them there"
)

CATALOGUE = {
    "google2011": DataSet(
        title="Google cluster trace 2011 (clusterdata-2011-2)",
        licence=CC_BY,
        credit="Charles Reiss, John Wilkes, Google",
        page="https://github.com/google/cluster-data/blob/master/ClusterData2011_2.md",
        source="the publisher's page names the bucket, its SHA256SUM the files",
        files=_files(GOOGLE_2011, _google_2011()),
        about="41 GB compressed",
        checksums=f"{GOOGLE_2011}/SHA256SUM",
    ),
    "google2019": DataSet(
        title="Google cluster traces 2019 (clusterdata-2019)",
        licence=CC_BY,
        credit="John Wilkes, Google; Tirmazi et al., Borg: the Next Generation, EuroSys 2020",
        page="https://github.com/google/cluster-data/blob/master/ClusterData2019.md",
        source="public scripts that fetch from the buckets clusterdata_2019_a to _h; nobody says how many parts the "
        "other tables have",
        files=tuple(
            RemoteFile(
                f"{cell}/machine_events-000000000000.json.gz",
                f"https://storage.googleapis.com/clusterdata_2019_{cell}/machine_events-000000000000.json.gz",
            )
            for cell in "abcdefgh"
        ),
        about="2.4 TiB, of which only the machine events are listed here",
        confirmed=False,
        note="the other tables are in BigQuery, and in the same buckets as TABLE-000000000000.json.gz and so on",
    ),
    "alibaba2017": DataSet(
        title="Alibaba cluster-trace-v2017",
        licence=STUDY,
        credit="Alibaba cluster-trace-v2017",
        page="https://github.com/alibaba/clusterdata/tree/master/cluster-trace-v2017",
        source="the publisher's page",
        note="its publisher gives the address after a short survey: https://goo.gl/forms/eOoe6DwZQpd2H5n53; "
        "SHA-256 of trace_201708.tgz: 6d5fade2d54faef3fcb6b2d3f41e73d18a14c7d1b28d4aa3c6579ba76dce2958",
    ),
    "alibaba2018": DataSet(
        title="Alibaba cluster-trace-v2018",
        licence=STUDY,
        credit="Alibaba cluster-trace-v2018",
        page="https://github.com/alibaba/clusterdata/tree/master/cluster-trace-v2018",
        source="the publisher's script fetchData.sh; checksums of its page",
        files=_known(
            f"{ALIBABA_OSS}/v2018Traces",
            {
                "machine_meta": "b5b1b786b22cd413a3674b8f2ebfb2f02fac991c95df537f363ef2797c8f6d55",
                "machine_usage": "3e6ee87fd204bb85b9e234c5c75a5096580fdabc8f085b224033080090753a7a",
                "container_meta": "febd75e693d1f208a8941395e7faa7e466e50d21c256eff12a815b7e2fa2053f",
                "container_usage": "b4bd3b1b82f5407c1b0dd47fe736ff5152c4b016a9c30cb26f988e2d1c5e5031",
                "batch_task": "7c4b32361bd1ec2083647a8f52a6854a03bc125ca5c202652316c499fbf978c6",
                "batch_instance": "e73e5a9326669aa079ba20048ddd759383cabe1fe3e58620aa75bd034e2450c6",
            },
            ".tar.gz",
        ),
        about="50 GB: batch_instance 20 GB, container_usage 28 GB",
        note="its publisher asks for a short survey: http://alibabadeveloper.mikecrm.com/BdJtacN; unpack with tar -xzf",
    ),
    "alibaba_gpu2020": DataSet(
        title="Alibaba cluster-trace-gpu-v2020 (PAI)",
        licence=STUDY,
        credit="Weng et al., MLaaS in the Wild, USENIX NSDI 2022",
        page="https://github.com/alibaba/clusterdata/tree/master/cluster-trace-gpu-v2020",
        source="the publisher's page and script download_data.sh; checksums of its page",
        files=_known(
            f"{ALIBABA_OSS}/v2020GPUTraces",
            {
                "pai_job_table": "5aad7f7caac501136d14ed6a48e40546f825d7b0617a3a4f337e2348fe0a6cb0",
                "pai_task_table": "cd1d6dc3215d2a8607ccf6b6dd952b5db776df86926c73259fea7c1499ac40e5",
                "pai_instance_table": "1bf1e423a7ce3f8d086699801c362fd56a7182abdb234139e5ebbed97995ca06",
                "pai_sensor_table": "9a0b82e8bdf3949281e4ba1423d9b4b34847e52799eecb138966de46da69c7a0",
                "pai_group_tag_table": "722fef30b7fb7aa50dabd79155614b5423a9d65cf45a9b26c590d57725423a14",
                "pai_machine_spec": "cc0d38a4045af1b1af8179de8b1b54b1ddd995e6160d6d061a6b1000f1276c2d",
                "pai_machine_metric": "53ad917193d3b1dd0f3055e723148b1f36c2f81789b014ea2930a7875892eef5",
            },
            ".tar.gz",
        ),
        about="1.4 GB",
        note="unpack with tar -xzf",
    ),
    "alibaba_gpu2023": DataSet(
        title="Alibaba cluster-trace-gpu-v2023 (openb)",
        licence=STUDY,
        credit="Weng et al., Beware of Fragmentation, USENIX ATC 2023",
        page="https://github.com/alibaba/clusterdata/tree/master/cluster-trace-gpu-v2023",
        source="the publisher's repository",
        files=_files(
            f"{ALIBABA_RAW}/cluster-trace-gpu-v2023/csv",
            (
                *(f"openb_node_list_{name}_node.csv" for name in ("all", "gpu")),
                *(
                    f"openb_pod_list_{name}.csv"
                    for name in (
                        "default", "cpu050", "cpu100", "cpu200", "cpu250", "gpushare20", "gpushare40", "gpushare60",
                        "gpushare80", "gpushare100", "gpuspec10", "gpuspec20", "gpuspec25", "gpuspec33", "multigpu20",
                        "multigpu30", "multigpu40", "multigpu50",
                    )
                ),
            ),
        ),
        about="about 10 MB",
    ),
    "alibaba_dlrm2025": DataSet(
        title="Alibaba cluster-trace-gpu-v2025 (disaggregated DLRM serving)",
        licence=STUDY,
        credit="Yang et al., GPU-Disaggregated Serving for Deep Learning Recommendation Models, USENIX NSDI 2025",
        page="https://github.com/alibaba/clusterdata/tree/master/cluster-trace-gpu-v2025",
        source="the publisher's repository",
        files=_files(f"{ALIBABA_RAW}/cluster-trace-gpu-v2025", ("disaggregated_DLRM_trace.csv",)),
        about="about 2 MB",
    ),
    "azure_vm_v1": DataSet(
        title="Azure VM trace V1 (2017)",
        licence=CC_BY,
        credit="Cortez et al., Resource Central, SOSP 2017; Microsoft Azure",
        page="https://github.com/Azure/AzurePublicDataset/blob/master/AzurePublicDatasetV1.md",
        source=_AZURE_SOURCE,
        files=_azure("dataset-v1", 125, "deployment"),
        about="78.5 GB compressed",
    ),
    "azure_vm_v2": DataSet(
        title="Azure VM trace V2 (2019)",
        licence=CC_BY,
        credit="Cortez et al., Resource Central, SOSP 2017; Microsoft Azure",
        page="https://github.com/Azure/AzurePublicDataset/blob/master/AzurePublicDatasetV2.md",
        source=_AZURE_SOURCE,
        files=_azure("dataset-v2", 195, "deployments"),
        about="156 GB compressed",
    ),
    "azure_packing2020": DataSet(
        title="Azure trace for packing 2020",
        licence=CC_BY,
        credit="Hadary et al., Protean: VM Allocation Service at Scale, OSDI 2020; Microsoft Azure",
        page="https://github.com/Azure/AzurePublicDataset/blob/master/AzureTracesForPacking2020.md",
        source="the publisher's page",
        files=(
            RemoteFile(
                "AzurePackingTraceV1.zip",
                f"{AZURE_RELEASES}/dataset-packing-2020/azurevmallocation_dataset2020_AzurePackingTraceV1.zip",
            ),
        ),
        note="unpack with unzip",
    ),
    "azure_functions2019": DataSet(
        title="Azure Functions trace 2019",
        licence=CC_BY,
        credit="Shahrad et al., Serverless in the Wild, USENIX ATC 2020; Microsoft Azure",
        page="https://github.com/Azure/AzurePublicDataset/blob/master/AzureFunctionsDataset2019.md",
        source=_AZURE_SOURCE,
        files=(
            RemoteFile(
                "azurefunctions-dataset2019.tar.xz",
                f"{AZURE_RELEASES}/dataset-functions-2019/azurefunctions_dataset2019_azurefunctions-dataset2019.tar.xz",
            ),
        ),
        about="143 MB",
        note="unpack with tar -xJf",
    ),
    "bitbrains": DataSet(
        title="GWA-T-12 Bitbrains",
        licence="no formal licence was found; its publisher asks to be cited",
        credit="GWA-T-12 Bitbrains, the Grid Workloads Archive; Shen, van Beek, Iosup, CCGrid 2015",
        page="http://gwa.ewi.tudelft.nl/datasets/gwa-t-12-bitbrains",
        source="public scripts that fetch it there",
        files=tuple(
            RemoteFile(f"{name}.zip", f"https://atlarge-research.com/gwa-traces/gwa_t_12_{name}.zip")
            for name in ("fastStorage", "rnd")
        ),
        confirmed=False,
        note="unpack with unzip",
    ),
    "swf": DataSet(
        title="Logs of the Parallel Workloads Archive, in the Standard Workload Format",
        licence="freely available to researchers; name the archive, and whom each log's Acknowledge line names",
        credit="Parallel Workloads Archive, https://www.cs.huji.ac.il/labs/parallel/workload",
        page=HUJI,
        source="public scripts that fetch them there",
        files=tuple(
            RemoteFile(f"{name}.swf.gz", f"{HUJI}/l_{log}/{name}.swf.gz")
            for log, name in (
                ("nasa_ipsc", "NASA-iPSC-1993-3.1-cln"), ("ctc_sp2", "CTC-SP2-1996-3.1-cln"),
                ("kth_sp2", "KTH-SP2-1996-2.1-cln"), ("sdsc_sp2", "SDSC-SP2-1998-4.2-cln"),
                ("sdsc_blue", "SDSC-BLUE-2000-4.2-cln"), ("hpc2n", "HPC2N-2002-2.2-cln"),
                ("sdsc_ds", "SDSC-DS-2004-2.1-cln"), ("lpc", "LPC-EGEE-2004-1.2-cln"),
                ("llnl_atlas", "LLNL-Atlas-2006-2.1-cln"), ("llnl_thunder", "LLNL-Thunder-2007-1.1-cln"),
                ("anl_int", "ANL-Intrepid-2009-1"), ("metacentrum", "METACENTRUM-2009-2"), ("ricc", "RICC-2010-2"),
                ("cea_curie", "CEA-Curie-2011-2.1-cln"), ("unilu_gaia", "UniLu-Gaia-2014-2"),
                ("metacentrum2", "METACENTRUM-2013-3"),
            )
        ),
        confirmed=False,
        note="a folder of logs is not one trace: give --trace one file",
    ),
    "wfinstances": DataSet(
        title="WfCommons workflow instances (WfFormat)",
        licence="LGPL-3.0",
        credit="WfCommons, https://wfcommons.org",
        page="https://github.com/wfcommons/WfInstances",
        source="the publisher's repository, as GitHub packs it",
        files=(RemoteFile("WfInstances.zip", "https://github.com/wfcommons/WfInstances/archive/HEAD.zip"),),
        note="unpack with unzip",
    ),
    "swim_facebook": DataSet(
        title="SWIM: samples of Facebook's Hadoop jobs, 2009 and 2010",
        licence="New BSD",
        credit="Statistical Workload Injector for MapReduce (SWIM), UC Berkeley",
        page="https://github.com/SWIMProjectUCB/SWIM/wiki",
        source="the publisher's repository",
        files=_files(
            "https://raw.githubusercontent.com/SWIMProjectUCB/SWIM/HEAD/workloadSuite",
            ("FB-2009_samples_24_times_1hr_0.tsv", "FB-2010_samples_24_times_1hr_0.tsv"),
        ),
    ),
}  # fmt: skip
