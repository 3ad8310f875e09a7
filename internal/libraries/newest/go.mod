module github.com/tghook/tghook/internal/libraries/newest

go 1.26.7

require (
	github.com/stretchr/testify v1.12.1
	github.com/tghook/tghook v0.1.0
	github.com/tghook/tghook/internal/libraries v0.1.0
)

require (
	github.com/PaulSonOfLars/gotgbot/v2 v2.0.0-rc.36 // indirect
	github.com/andybalholm/brotli v1.2.2 // indirect
	github.com/bytedance/gopkg v0.1.3 // indirect
	github.com/bytedance/sonic v1.15.3 // indirect
	github.com/bytedance/sonic/loader v0.5.2 // indirect
	github.com/cloudwego/base64x v0.1.6 // indirect
	github.com/go-telegram/bot v1.24.0 // indirect
	github.com/grbit/go-json v0.11.0 // indirect
	github.com/klauspost/compress v1.19.1 // indirect
	github.com/klauspost/cpuid/v2 v2.2.9 // indirect
	github.com/mymmrac/telego v1.12.1 // indirect
	github.com/tghook/tghook/libraries/tggotelegram v0.1.0 // indirect
	github.com/tghook/tghook/libraries/tggotgbot v0.1.0 // indirect
	github.com/tghook/tghook/libraries/tgtelebot v0.1.0 // indirect
	github.com/tghook/tghook/libraries/tgtelego v0.1.0 // indirect
	github.com/twitchyliquid64/golang-asm v0.15.1 // indirect
	github.com/valyala/bytebufferpool v1.0.0 // indirect
	github.com/valyala/fasthttp v1.73.0 // indirect
	github.com/valyala/fastjson v1.6.10 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/arch v0.0.0-20210923205945-b76863e36670 // indirect
	golang.org/x/sys v0.47.0 // indirect
	gopkg.in/telebot.v4 v4.0.0-beta.10 // indirect
)

replace (
	github.com/tghook/tghook => ../../../
	github.com/tghook/tghook/internal/libraries => ../
	github.com/tghook/tghook/libraries/tggotelegram => ../../../libraries/tggotelegram
	github.com/tghook/tghook/libraries/tggotgbot => ../../../libraries/tggotgbot
	github.com/tghook/tghook/libraries/tgtelebot => ../../../libraries/tgtelebot
	github.com/tghook/tghook/libraries/tgtelego => ../../../libraries/tgtelego
)
