module github.com/tghook/tghook/libraries/tgtelebot

go 1.25.0

require github.com/tghook/tghook v0.1.0

require (
	github.com/stretchr/testify v1.11.1
	gopkg.in/telebot.v4 v4.0.0-beta.2
)

require (
	github.com/davecgh/go-spew v1.1.1 // indirect
	github.com/pmezard/go-difflib v1.0.0 // indirect
	gopkg.in/yaml.v3 v3.0.1 // indirect
)

replace github.com/tghook/tghook => ../../
