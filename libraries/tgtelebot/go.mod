module github.com/tghook/tghook/libraries/tgtelebot

go 1.25.0
