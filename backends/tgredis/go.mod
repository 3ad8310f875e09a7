module github.com/tghook/tghook/backends/tgredis

go 1.25.0
