"""The experiments of Jain et al. (2022), each a module with ``Settings`` and ``run``; results beside the published."""
