module github.com/tghook/tghook/libraries/tggotelegram

go 1.25.0
