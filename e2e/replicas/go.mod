module github.com/tghook/tghook/e2e/replicas

go 1.25.0
