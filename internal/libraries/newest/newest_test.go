package newest_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/internal/libraries"
	"github.com/tghook/tghook/internal/test/librarytest"
	"github.com/tghook/tghook/internal/test/rig"
)

func TestMain(m *testing.M) { rig.Main(m, nil) }

func TestTheNewestVersions(t *testing.T) {
	t.Parallel()
	for _, bot := range libraries.Bots {
		t.Run(bot.Folder, func(t *testing.T) {
			t.Parallel()
			librarytest.TestLibrary(t, bot.Library)
		})
	}
}

func TestTheseAreNotTheOldestVersions(t *testing.T) {
	t.Parallel()
	mod, err := os.ReadFile("go.mod")
	require.NoError(t, err)
	for _, bot := range libraries.Bots {
		assert.Regexp(t, `\t`+bot.Module+" "+bot.Version+`( // indirect)?\n`, string(mod))
		oldest, err := os.ReadFile("../../../libraries/" + bot.Folder + "/go.mod")
		require.NoError(t, err)
		assert.NotContains(t, string(oldest), bot.Module+" "+bot.Version+"\n")
	}
}
