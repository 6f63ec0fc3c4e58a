"""Speed, as ratios of medians that were measured side by side in one run: `bin/bench`. Never a timed test."""
