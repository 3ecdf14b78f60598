"""What all readers of traces are made of.

`tables` reads CSV and Parquet batch by batch, `sniff` looks into files to recognise what they are, `rejects` takes the
rows that cannot be used, `jobs` has jobs in columns and makes arrivals of them, and `ordered` sorts rows of which there
are more than fit in memory. `options` is what a reader is told, `reference` the machine that normalised amounts are of.
"""
