module github.com/tghook/tghook/backends/tgredis

go 1.25.0

require (
	github.com/redis/go-redis/v9 v9.5.5
	github.com/stretchr/testify v1.11.1
	github.com/tghook/tghook v0.1.0
)

require (
	github.com/cespare/xxhash/v2 v2.2.0 // indirect
	github.com/davecgh/go-spew v1.1.1 // indirect
	github.com/dgryski/go-rendezvous v0.0.0-20200823014737-9f7001d12a5f // indirect
	github.com/pmezard/go-difflib v1.0.0 // indirect
	gopkg.in/yaml.v3 v3.0.1 // indirect
)

replace github.com/tghook/tghook => ../../
