module github.com/tghook/tghook/libraries/tggotelegram

go 1.25.0

require github.com/tghook/tghook v0.1.0

require (
	github.com/go-telegram/bot v1.9.0
	github.com/stretchr/testify v1.11.1
)

require (
	github.com/davecgh/go-spew v1.1.1 // indirect
	github.com/pmezard/go-difflib v1.0.0 // indirect
	gopkg.in/yaml.v3 v3.0.1 // indirect
)

replace github.com/tghook/tghook => ../../
