package tghooktest

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
)

// madeUp holds the tokens that the open Servers of this process have made up.
var madeUp tokens

// tokens lends made-up tokens to Servers.
type tokens struct {
	mu   sync.Mutex
	lent map[string]bool // key: the bot's id
}

// lend makes up a token that no open Server has. Where no other Server of the same seed and
// test is open, it is the same one each time. It is as long as the tokens of BotFather,
// because some bot libraries check that.
func (t *tokens) lend(seed uint64, test string) (token string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.lent == nil {
		t.lent = map[string]bool{}
	}
	name := fnv.New64a()
	_, _ = name.Write([]byte(test))
	for draw := rand.NewPCG(seed, name.Sum64()); ; {
		bot := strconv.FormatUint(7_000_000_000+draw.Uint64()%1_000_000_000, 10)
		token = fmt.Sprintf("%s:AAE_stand_in_token_%016x", bot, draw.Uint64())
		if !t.lent[bot] {
			t.lent[bot] = true
			return token
		}
	}
}

// giveBack ends the loan of a token.
func (t *tokens) giveBack(token string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	bot, _, _ := strings.Cut(token, ":")
	delete(t.lent, bot)
}
