"""YAML -> TemplateSpec: loads a template, merges its layers and keeps the location of every value."""
