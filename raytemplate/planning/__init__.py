"""TemplateSpec + Inventory -> RunPlan. Compile is pure; look is the only reader."""
