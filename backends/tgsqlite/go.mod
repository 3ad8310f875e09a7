module github.com/tghook/tghook/backends/tgsqlite

go 1.25.0
