package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/internal/test/engine"
	"github.com/tghook/tghook/internal/test/fleet"
)

// TestMain is also the program of the bot's processes.
func TestMain(m *testing.M) {
	fleet.Join(runBot)
	flag.Parse()
	if err := flag.Set("test.parallel", "4"); err != nil { // the tests mostly wait for processes
		panic(err)
	}
	status := m.Run()
	removeCommand()
	os.Exit(status)
}

// short is a short trial of an engine.
func short(name string) trial {
	return trial{engine: name, updates: 3000, chats: 100, kills: 5, rate: 200, seed: 1, patience: stuckAfter}
}

func TestNothingIsLostOrReorderedWhateverIsKilled(t *testing.T) {
	t.Parallel()
	polled := short(sqlite)
	polled.poll = true
	for name, one := range map[string]trial{"SQLite": short(sqlite), "PostgreSQL": short(postgres), "SQLite by poll": polled} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			one.tell = func(k kill) { t.Log(k) }
			got, err := one.run(t.Context())
			engine.LeaveOut(t, err)
			t.Log("\n" + got.String())
			require.NoError(t, err)
			require.NoError(t, got.err())
			for _, what := range engines[one.engine].victims {
				assert.Equal(t, one.kills, got.kills[what], what)
			}
		})
	}
}

// A gateway that is asked to end, or whose configuration changes, finishes what is on its way. So
// nothing comes twice, unless the disk stalls for longer than the end may last.
func TestStopsAndReloadsRepeatNothing(t *testing.T) {
	t.Parallel()
	for _, name := range engineNames {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			one := short(name)
			one.gentle, one.updates = true, 2000
			got, err := one.run(t.Context())
			engine.LeaveOut(t, err)
			t.Log("\n" + got.String())
			require.NoError(t, err)
			require.NoError(t, got.err())
			assert.Equal(t, one.updates, got.arrivals-got.repeated[aStop], "each once")
			assert.Equal(t, map[victim]int{aStop: one.kills, aReload: one.kills}, got.kills)
		})
	}
}

// What breaks a rule between the gateway and the bot is found.
func TestTheTrialFindsABrokenGateway(t *testing.T) {
	t.Parallel()
	for name, breaks := range map[string]func(found) bool{
		forgets:  func(f found) bool { return len(f.lost) > 0 && f.disordered > 0 },
		repeats:  func(f found) bool { return f.unexcused > 0 && f.disordered == 0 && len(f.lost) == 0 },
		overtake: func(f found) bool { return f.disordered > 0 && len(f.lost) == 0 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			one := short(sqlite)
			one.breakage, one.updates, one.chats, one.kills = name, 400, 20, 0
			if name == forgets { // the lost updates never come, so the trial waits only ten seconds
				one.patience = 10 * time.Second
			}
			got, err := one.run(t.Context())
			t.Log("\n" + got.String())
			require.NoError(t, err)
			require.ErrorContains(t, got.err(), "the promise is broken")
			assert.True(t, breaks(got))
		})
	}
}

// An arrival is "life gateway chat seq arrived took answered", in milliseconds. The update has the
// number 1000 x chat + seq.
func TestTheAuditFindsBrokenRules(t *testing.T) {
	t.Parallel()
	start := time.Now()
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	for name, c := range map[string]struct {
		arrivals string
		kills    []kill
		broken   []string
	}{
		"all is well":         {"1 0 1 1 0 5 6, 1 0 2 1 1 5 6, 1 0 1 2 7 9 9", nil, nil},
		"another chat's turn": {"1 0 2 1 1 5 6, 1 0 1 1 0 5 6, 1 0 1 2 7 9 9", nil, nil},
		"one is lost":         {"1 0 1 1 0 5 6, 1 0 1 2 7 9 9", nil, []string{"1 updates are lost, first [2001]"}},
		"the first comes last": {"1 0 1 2 0 5 6, 1 0 1 1 7 9 9, 1 0 2 1 1 5 6", nil, []string{
			"number 2 of chat 1 has arrived after number 0", "number 1 of chat 1 has arrived after number 2",
		}},
		"again without a kill": {"1 0 1 1 0 5 6, 1 0 1 1 7 8 9, 1 0 1 2 10 11 12, 1 0 2 1 1 5 6", nil, []string{"number 1 of chat 1 has arrived twice, and no kill explains it"}},
		"again after the next": {"1 0 1 1 0 5 6, 1 0 1 2 7 8 9, 1 0 1 1 10 11 12, 1 0 2 1 1 5 6", nil, []string{"number 1 of chat 1 has arrived again after number 2"}},
		"the bot died before it answered": {
			"1 0 1 1 0 5 0, 2 0 1 1 1007 1008 1009, 2 0 1 2 1010 1011 1012, 2 0 2 1 1 5 6",
			[]kill{{what: theBot, life: 1, at: at(900), gone: at(901)}},
			nil,
		},
		"another life of the bot died": {
			"1 0 1 1 0 5 6, 1 0 1 1 7 8 9, 1 0 1 2 10 11 12, 1 0 2 1 1 5 6",
			[]kill{{what: theBot, life: 2, at: at(7), gone: at(7)}},
			[]string{"number 1 of chat 1 has arrived twice, and no kill explains it"},
		},
		"its gateway died": {
			"1 1 1 1 0 5 6, 1 0 1 1 17 18 19, 1 0 1 2 20 21 22, 1 0 2 1 1 5 6",
			[]kill{{what: aGateway, place: 1, at: at(7), gone: at(8)}},
			nil,
		},
		"another gateway died": {
			"1 0 1 1 0 5 6, 1 0 1 1 17 18 19, 1 0 1 2 20 21 22, 1 0 2 1 1 5 6",
			[]kill{{what: aGateway, place: 1, at: at(7), gone: at(8)}},
			[]string{"number 1 of chat 1 has arrived twice, and no kill explains it"},
		},
		"its gateway died long after": {
			"1 1 1 1 0 5 6, 1 0 1 1 9917 9918 9919, 1 0 1 2 9920 9921 9922, 1 0 2 1 1 5 6",
			[]kill{{what: aGateway, place: 1, at: at(9000), gone: at(9001)}},
			[]string{"number 1 of chat 1 has arrived twice, and no kill explains it"},
		},
		"its gateway died long after, and the disk was as slow": {
			"1 1 1 1 0 5 6, 1 0 1 1 9917 9918 9919, 1 0 1 2 9920 9921 9922, 1 0 2 1 1 5 7501",
			[]kill{{what: aGateway, place: 1, at: at(9000), gone: at(9001)}},
			nil,
		},
		"its gateway was asked to end": {
			"1 0 1 1 0 5 6, 1 0 1 1 7017 7018 7019, 1 0 1 2 7020 7021 7022, 1 0 2 1 1 5 6",
			[]kill{{what: aStop, at: at(3), gone: at(4900)}},
			[]string{"number 1 of chat 1 has arrived twice, and no kill explains it"},
		},
		"its gateway could not wait for the bot at its end": {
			"1 0 1 1 0 5 3006, 1 0 1 1 7017 7018 7019, 1 0 1 2 7020 7021 7022, 1 0 2 1 1 5 6",
			[]kill{{what: aStop, at: at(3), gone: at(4900)}},
			nil,
		},
		"its gateway hung up at its end": {
			"1 0 1 1 0 5 0, 1 0 1 1 7017 7018 7019, 1 0 1 2 7020 7021 7022, 1 0 2 1 1 5 6",
			[]kill{{what: aStop, at: at(3), gone: at(4900)}},
			nil,
		},
		"another gateway could not wait for the bot at its end": {
			"1 0 1 1 0 5 3006, 1 0 1 1 7017 7018 7019, 1 0 1 2 7020 7021 7022, 1 0 2 1 1 5 6",
			[]kill{{what: aStop, place: 1, at: at(3), gone: at(4900)}},
			[]string{"number 1 of chat 1 has arrived twice, and no kill explains it"},
		},
		"its gateway could not wait for the disk at its end": {
			"1 0 1 1 0 5 6, 1 0 1 1 7017 7018 7019, 1 0 1 2 7020 7021 7022, 1 0 2 1 1 5 6",
			[]kill{{what: aStop, at: at(3), gone: at(5003)}},
			nil,
		},
		"a gateway does not end": {
			"1 0 1 1 0 5 6, 1 0 2 1 1 5 6, 1 0 1 2 7 9 9",
			[]kill{{what: aStop, at: at(3), gone: at(10_103)}},
			[]string{"a gateway that was asked to end took 10.1s"},
		},
		"a gateway waits for the disk and ends": {
			"1 0 1 1 0 5 1006, 1 0 2 1 1 5 6, 1 0 1 2 1007 1009 1009",
			[]kill{{what: aStop, at: at(3), gone: at(10_103)}},
			nil,
		},
		"its gateway died before": {
			"1 1 1 1 10 15 16, 1 0 1 1 17 18 19, 1 0 1 2 20 21 22, 1 0 2 1 1 5 6",
			[]kill{{what: aGateway, place: 1, at: at(7), gone: at(8)}},
			[]string{"number 1 of chat 1 has arrived twice, and no kill explains it"},
		},
		"the request of a dead gateway comes late": {
			"1 1 1 1 10 15 0, 1 0 1 1 17 18 19, 1 0 1 2 20 21 22, 1 0 2 1 1 5 6",
			[]kill{{what: aGateway, place: 1, at: at(7), gone: at(8)}},
			nil,
		},
		"the request of a dead gateway comes second": {
			"1 0 1 1 9 10 10, 1 1 1 1 6 11 12, 1 0 1 2 20 21 22, 1 0 2 1 1 5 6",
			[]kill{{what: aGateway, place: 1, at: at(7), gone: at(8)}},
			nil,
		},
		"the database died": {
			"1 0 1 1 0 5 6, 1 0 1 1 517 518 519, 1 0 1 2 520 521 522, 1 0 2 1 1 5 6",
			[]kill{{what: theDatabase, at: at(7), gone: at(8), back: at(300)}},
			nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := evidence{sent: []int64{1001, 1002, 2001}, kills: c.kills}
			for text := range strings.SplitSeq(c.arrivals, ", ") {
				e.arrivals = append(e.arrivals, parse(t, text, at))
			}
			f := audit(e)
			err := f.err()
			if c.broken == nil {
				require.NoError(t, err)
				return
			}
			require.Error(t, err)
			assert.Equal(t, c.broken, strings.Split(err.Error(), "\n\t")[1:])
		})
	}
}

// parse reads an arrival.
func parse(t *testing.T, text string, at func(ms int) time.Time) *arrival {
	t.Helper()
	var a arrival
	var arrived, took, answered int
	_, err := fmt.Sscan(text, &a.life, &a.gateway, &a.chat, &a.seq, &arrived, &took, &answered)
	require.NoError(t, err)
	a.update, a.arrived, a.took = 1000*a.chat+a.seq, at(arrived), at(took)
	if answered > 0 {
		a.answered = at(answered)
	}
	return &a
}

func TestTheAuditFindsWhatIsMissing(t *testing.T) {
	t.Parallel()
	at := func(int) time.Time { return time.Time{} }
	e := evidence{sent: []int64{1001, 1002, 1010, 1011}, given: []int64{7}, answered: map[int64]bool{}}
	for seq := range 11 {
		e.arrivals = append(e.arrivals, parse(t, fmt.Sprintf("1 0 1 %d 1 2 3", seq+1), at))
	}
	f := audit(e)
	f.dead = 2
	err := f.err()
	require.ErrorContains(t, err, "1 updates are without their webhook reply, first [1010]")
	require.ErrorContains(t, err, "1 updates were given up by Telegram, first [7]")
	require.ErrorContains(t, err, "there are 2 dead letters")
}

// A kill may cut the last line of the journal.
func TestALineThatWasCutIsNoArrival(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "journal")
	for life := range 3 {
		j, err := openJournal(path)
		require.NoError(t, err)
		a := arrival{life: life, chat: 1, seq: int64(life), update: int64(life), arrived: time.Now()}
		require.NoError(t, j.took(a))
		j.answered(a)
		_, err = j.file.WriteString("took 1 2 3 4 5 6 7")
		require.NoError(t, err)
	}
	r := newReader(path)
	updates, arrivals, err := r.read()
	require.NoError(t, err)
	assert.Equal(t, 3, updates)
	assert.Equal(t, 3, arrivals)
	all, torn := r.arrivals()
	assert.Equal(t, 2, torn, "the last one may go on")
	for _, a := range all {
		assert.False(t, a.answered.Before(a.took))
	}
}

// The same life of the bot may get an update twice, and answer only the second request.
func TestAnAnswerBelongsToItsArrival(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "journal")
	j, err := openJournal(path)
	require.NoError(t, err)
	a := arrival{life: 1, chat: 1, seq: 1, update: 1, arrived: time.Now()}
	require.NoError(t, j.took(a))
	a.arrived = a.arrived.Add(time.Second)
	require.NoError(t, j.took(a))
	j.answered(a)
	r := newReader(path)
	_, _, err = r.read()
	require.NoError(t, err)
	all, _ := r.arrivals()
	require.Len(t, all, 2)
	assert.Zero(t, all[0].answered)
	assert.NotZero(t, all[1].answered)
}

func TestTheSameSeedHasTheSameKills(t *testing.T) {
	t.Parallel()
	long := trial{engine: postgres, updates: 20_000, chats: 500, kills: 100, seed: 7}
	kills := long.plan()
	assert.Equal(t, kills, long.plan())
	count := map[victim]int{}
	for i, k := range kills {
		count[k.what]++
		if i > 0 {
			assert.GreaterOrEqual(t, k.after, kills[i-1].after, "in their order")
		}
	}
	assert.Equal(t, map[victim]int{theBot: 100, aGateway: 100, theDatabase: 100}, count)
	assert.Less(t, kills[len(kills)-1].after, long.updates*9/10)
	other := long
	other.seed++
	assert.NotEqual(t, kills, other.plan())
}

func TestWrongArgumentsAreNamed(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-engine", "redis"}, {"-updates", "0"}, {"-break", "all"}} {
		require.ErrorContains(t, run(t.Context(), args, t.Output()), args[0])
	}
}
