module github.com/tghook/tghook/libraries/tgtelego

go 1.25.0
