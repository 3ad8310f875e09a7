module github.com/tghook/tghook/bench

go 1.25.0

require (
	github.com/buger/jsonparser v1.6.1
	github.com/go-telegram/bot v1.24.0
	github.com/tghook/tghook v0.0.0
	github.com/tidwall/gjson v1.20.0
)

require (
	github.com/tidwall/match v1.1.1 // indirect
	github.com/tidwall/pretty v1.2.0 // indirect
)

replace github.com/tghook/tghook => ../
