"""What all readers of traces are made of.

From files to rows: `tables` reads CSV and Parquet batch by batch and `json_lines` JSON, `blanks` makes tables of texts
that are parted by blanks, `columns` checks what many of them have, `sniff` looks into files to recognise what they are,
and `rejects` takes the rows that cannot be used.

From rows to jobs: `ordered` sorts more rows than fit in memory, `database` joins tables, both in a folder of
`temporary`; `late` puts in order what is only a little late; `batch_tasks`, `services` and `measured` are for traces of
tasks with instances, of containers that stay, and of what they used in windows of time; `jobs` has jobs in columns and
makes arrivals of them. `arrays` is between NumPy and Arrow, `seen` remembers names.

`options` is what a reader is told, and `reference` the machine that normalised amounts are of.
"""
