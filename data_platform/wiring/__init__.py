"""The only place that turns Settings into concrete objects: every seam (store, metastore, lineage) is resolved here.

Floors, each standing on those before it: `foundation`, `records`, `data`, `operations`; `platform` is the whole house.
"""
