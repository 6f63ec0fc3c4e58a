"""The demo: from nothing to an installation that has done its main job, on one machine, with simulated vendors."""
