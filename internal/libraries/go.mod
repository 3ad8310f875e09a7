module github.com/tghook/tghook/internal/libraries

go 1.25.0

require (
	github.com/PaulSonOfLars/gotgbot/v2 v2.0.0-rc.34
	github.com/go-telegram/bot v1.9.0
	github.com/mymmrac/telego v1.0.0
	github.com/stretchr/testify v1.11.1
	github.com/tghook/tghook v0.1.0
	github.com/tghook/tghook/libraries/tggotelegram v0.1.0
	github.com/tghook/tghook/libraries/tggotgbot v0.1.0
	github.com/tghook/tghook/libraries/tgtelebot v0.1.0
	github.com/tghook/tghook/libraries/tgtelego v0.1.0
	gopkg.in/telebot.v4 v4.0.0-beta.2
)

require (
	github.com/andybalholm/brotli v1.1.1 // indirect
	github.com/bytedance/sonic v1.12.10 // indirect
	github.com/bytedance/sonic/loader v0.2.2 // indirect
	github.com/cloudwego/base64x v0.1.5 // indirect
	github.com/davecgh/go-spew v1.1.1 // indirect
	github.com/grbit/go-json v0.11.0 // indirect
	github.com/klauspost/compress v1.17.11 // indirect
	github.com/klauspost/cpuid/v2 v2.0.9 // indirect
	github.com/pmezard/go-difflib v1.0.0 // indirect
	github.com/twitchyliquid64/golang-asm v0.15.1 // indirect
	github.com/valyala/bytebufferpool v1.0.0 // indirect
	github.com/valyala/fasthttp v1.59.0 // indirect
	github.com/valyala/fastjson v1.6.4 // indirect
	golang.org/x/arch v0.0.0-20210923205945-b76863e36670 // indirect
	gopkg.in/yaml.v3 v3.0.1 // indirect
)

replace (
	github.com/tghook/tghook => ../../
	github.com/tghook/tghook/libraries/tggotelegram => ../../libraries/tggotelegram
	github.com/tghook/tghook/libraries/tggotgbot => ../../libraries/tggotgbot
	github.com/tghook/tghook/libraries/tgtelebot => ../../libraries/tgtelebot
	github.com/tghook/tghook/libraries/tgtelego => ../../libraries/tgtelego
)
