module github.com/tghook/tghook/libraries/tggotgbot

go 1.25.0
