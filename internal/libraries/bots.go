// Package libraries has a bot on each of the bot libraries that have a package of tghook. The
// tests try these bots with the oldest version of each library that works, and those of the
// folder newest with the newest version.
package libraries

import (
	"reflect"
	"regexp"
	"runtime"

	gotgbotlib "github.com/PaulSonOfLars/gotgbot/v2"
	"github.com/go-telegram/bot"
	"github.com/mymmrac/telego"
	tele "gopkg.in/telebot.v4"

	"github.com/tghook/tghook/internal/libraries/gotelegram"
	"github.com/tghook/tghook/internal/libraries/gotgbot"
	"github.com/tghook/tghook/internal/libraries/telebot"
	telegobot "github.com/tghook/tghook/internal/libraries/telego"
	"github.com/tghook/tghook/internal/test/librarytest"
)

// A Bot is built on a library.
type Bot struct {
	Module  string // of the library
	Folder  string // of the package of tghook, in the folder libraries
	Library librarytest.Library
	Version string // of the module, in this binary
}

// Bots are all bots.
var Bots = []Bot{
	{"github.com/go-telegram/bot", "tggotelegram", librarytest.Library{Open: gotelegram.Open}, versionOf(bot.New)},
	{"github.com/mymmrac/telego", "tgtelego", librarytest.Library{Open: telegobot.Open}, versionOf(telego.NewBot)},
	{"gopkg.in/telebot.v4", "tgtelebot", librarytest.Library{Open: telebot.Open, Needs: []string{"sendPhoto"}}, versionOf(tele.NewBot)},
	{"github.com/PaulSonOfLars/gotgbot/v2", "tggotgbot", librarytest.Library{Open: gotgbot.Open}, versionOf(gotgbotlib.NewBot)},
}

// versionOf returns the version of the module that function comes from. A test binary has no
// list of its modules, but it has the paths of their files.
func versionOf(function any) string {
	pc := reflect.ValueOf(function).Pointer()
	file, _ := runtime.FuncForPC(pc).FileLine(pc)
	return regexp.MustCompile(`@([^/]+)/`).FindStringSubmatch(file + "@none/")[1]
}
