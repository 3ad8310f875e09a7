module github.com/tghook/tghook/examples/libraries

go 1.25.0

require (
	github.com/NicoNex/echotron/v3 v3.45.0
	github.com/PaulSonOfLars/gotgbot/v2 v2.0.0-rc.36
	github.com/go-telegram-bot-api/telegram-bot-api/v5 v5.5.1
	github.com/go-telegram/bot v1.24.0
	github.com/mr-linch/go-tg v0.18.0
	github.com/mymmrac/telego v1.3.1
	github.com/stretchr/testify v1.11.1
	github.com/tghook/tghook v0.1.0
	github.com/tghook/tghook/libraries/tggotelegram v0.1.0
	github.com/tghook/tghook/libraries/tggotgbot v0.1.0
	github.com/tghook/tghook/libraries/tgtelebot v0.1.0
	github.com/tghook/tghook/libraries/tgtelego v0.1.0
	gopkg.in/telebot.v4 v4.0.0-beta.10
)

require (
	github.com/andybalholm/brotli v1.2.0 // indirect
	github.com/bytedance/gopkg v0.1.3 // indirect
	github.com/bytedance/sonic v1.14.1 // indirect
	github.com/bytedance/sonic/loader v0.3.0 // indirect
	github.com/cloudwego/base64x v0.1.6 // indirect
	github.com/davecgh/go-spew v1.1.1 // indirect
	github.com/grbit/go-json v0.11.0 // indirect
	github.com/klauspost/compress v1.18.0 // indirect
	github.com/klauspost/cpuid/v2 v2.2.9 // indirect
	github.com/pmezard/go-difflib v1.0.0 // indirect
	github.com/tomasen/realip v0.0.0-20180522021738-f0c99a92ddce // indirect
	github.com/twitchyliquid64/golang-asm v0.15.1 // indirect
	github.com/valyala/bytebufferpool v1.0.0 // indirect
	github.com/valyala/fasthttp v1.67.0 // indirect
	github.com/valyala/fastjson v1.6.4 // indirect
	golang.org/x/arch v0.0.0-20210923205945-b76863e36670 // indirect
	golang.org/x/exp v0.0.0-20220613132600-b0d781184e0d // indirect
	golang.org/x/sys v0.46.0 // indirect
	golang.org/x/time v0.15.0 // indirect
	gopkg.in/yaml.v3 v3.0.1 // indirect
)

replace (
	github.com/tghook/tghook => ../../
	github.com/tghook/tghook/libraries/tggotelegram => ../../libraries/tggotelegram
	github.com/tghook/tghook/libraries/tggotgbot => ../../libraries/tggotgbot
	github.com/tghook/tghook/libraries/tgtelebot => ../../libraries/tgtelebot
	github.com/tghook/tghook/libraries/tgtelego => ../../libraries/tgtelego
)
