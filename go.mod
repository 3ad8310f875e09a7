module github.com/tghook/tghook

go 1.25.0
