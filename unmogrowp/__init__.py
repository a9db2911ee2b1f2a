"""The library: what UnMoGrowP knows about events, touches, installs and audits.

It can be imported without Dagster and without FastAPI.
"""
