module github.com/tghook/tghook/internal/release

go 1.25.0

require (
	go.yaml.in/yaml/v3 v3.0.4
	golang.org/x/mod v0.37.0
)
