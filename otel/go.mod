module github.com/tghook/tghook/otel

go 1.25.0
