"""What an operator does with it: the image, the composition, proxies, backups, upgrades, alerts; with the real programs."""
