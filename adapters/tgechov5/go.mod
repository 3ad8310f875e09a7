module github.com/tghook/tghook/adapters/tgechov5

go 1.25.0

require github.com/tghook/tghook v0.1.0

require github.com/labstack/echo/v5 v5.3.1

require golang.org/x/time v0.15.0 // indirect

replace github.com/tghook/tghook => ../../
