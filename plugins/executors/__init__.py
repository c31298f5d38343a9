"""Where trials run, when not in processes of this machine: ``ray_cluster``, on the machines of a Ray cluster."""
