"""From the melt of a Kob-Andersen liquid to a Pearson table."""
