package libraries_test

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

func TestTheOldestVersionsThatWork(t *testing.T) {
	t.Parallel()
	for _, bot := range libraries.Bots {
		t.Run(bot.Folder, func(t *testing.T) {
			t.Parallel()
			librarytest.TestLibrary(t, bot.Library)
		})
	}
}

// In the workspace of the repository the tests would get newer versions.
func TestTheseAreTheOldestVersions(t *testing.T) {
	t.Parallel()
	for _, bot := range libraries.Bots {
		mod, err := os.ReadFile("../../libraries/" + bot.Folder + "/go.mod")
		require.NoError(t, err)
		assert.Contains(t, string(mod), bot.Module+" "+bot.Version+"\n")
	}
}
