"""YAML -> TemplateSpec: load, layers, the place of every value."""
