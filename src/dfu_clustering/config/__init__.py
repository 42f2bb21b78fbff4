"""The configuration: how clusters are made, where and how a run works, how far data may stray."""
