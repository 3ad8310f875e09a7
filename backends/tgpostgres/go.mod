module github.com/tghook/tghook/backends/tgpostgres

go 1.25.0
