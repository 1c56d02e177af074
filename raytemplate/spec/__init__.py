"""YAML -> TemplateSpec: load, layers, the location of every value."""
