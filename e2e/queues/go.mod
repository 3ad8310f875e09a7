module github.com/tghook/tghook/e2e/queues

go 1.25.0

require (
	github.com/jackc/pgx/v5 v5.9.2
	github.com/stretchr/testify v1.11.1
	github.com/tghook/tghook v0.1.0
	github.com/tghook/tghook/backends/tgpostgres v0.1.0
	github.com/tghook/tghook/backends/tgsqlite v0.1.0
	modernc.org/sqlite v1.52.0
)

require (
	github.com/davecgh/go-spew v1.1.1 // indirect
	github.com/dustin/go-humanize v1.0.1 // indirect
	github.com/google/uuid v1.6.0 // indirect
	github.com/jackc/pgpassfile v1.0.0 // indirect
	github.com/jackc/pgservicefile v0.0.0-20240606120523-5a60cdf6a761 // indirect
	github.com/jackc/puddle/v2 v2.2.2 // indirect
	github.com/mattn/go-isatty v0.0.22 // indirect
	github.com/ncruces/go-strftime v1.0.0 // indirect
	github.com/pmezard/go-difflib v1.0.0 // indirect
	github.com/remyoudompheng/bigfft v0.0.0-20230129092748-24d4a6f8daec // indirect
	golang.org/x/sync v0.21.0 // indirect
	golang.org/x/sys v0.46.0 // indirect
	golang.org/x/text v0.38.0 // indirect
	gopkg.in/yaml.v3 v3.0.1 // indirect
	modernc.org/libc v1.72.3 // indirect
	modernc.org/mathutil v1.7.1 // indirect
	modernc.org/memory v1.11.0 // indirect
)

replace (
	github.com/tghook/tghook => ../../
	github.com/tghook/tghook/backends/tgpostgres => ../../backends/tgpostgres
	github.com/tghook/tghook/backends/tgsqlite => ../../backends/tgsqlite
)
