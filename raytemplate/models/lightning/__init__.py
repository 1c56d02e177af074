"""Any LightningModule, driven by Lightning's own Trainer inside our loop."""
