package world

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestANewUserIsWhoTheyAreToldToBe(t *testing.T) {
	t.Parallel()
	w, o := peopled()
	zoe, err := w.NewUser(UserConfig{Name: " Zoë  Núñez Pérez ", Username: "@zoe_n", Language: "es", Premium: true, ID: 77})
	require.NoError(t, err)
	_, err = w.Send(zoe.ID, zoe.ID, 0, "hi")
	require.NoError(t, err)
	assert.Equal(t, []string{`message {"message_id":1,"from":{"id":77,"is_bot":false,"first_name":"Zoë","last_name":"Núñez Pérez","username":"zoe_n","language_code":"es","is_premium":true},` +
		`"chat":{"id":77,"first_name":"Zoë","last_name":"Núñez Pérez","username":"zoe_n","type":"private"},"date":1795000000,"text":"hi"}`}, o.take())

	ben, err := w.NewUser(UserConfig{Name: "Ben"})
	require.NoError(t, err)
	assert.Equal(t, "en", ben.LanguageCode)
	assert.Same(t, ben, w.User("Ben"))
	assert.NotSame(t, zoe, w.User("Zoë Núñez Pérez"), "she has an id of her own")
}

func TestANewUserTakesNothingOfOthers(t *testing.T) {
	t.Parallel()
	w, _ := peopled()
	w.User("Ben")
	_, err := w.NewUser(UserConfig{Name: "Zoë", Username: "zoe_n", ID: 77})
	require.NoError(t, err)
	for _, c := range []struct {
		cfg  UserConfig
		want string
	}{
		{UserConfig{}, "the name is empty"},
		{UserConfig{Name: "Ben"}, `there is a user named "Ben" already; set another name (or an ID)`},
		{UserConfig{Name: "Ada", ID: 77}, "there is a user with the id 77 already"},
		{UserConfig{Name: "Ada", ID: -1}, "-1 is not the id of a user; set one from 1 to 4503599627370495 (or leave it 0)"},
		{UserConfig{Name: "Ada", ID: 1 << 52}, "4503599627370496 is not the id of a user; set one from 1 to 4503599627370495 (or leave it 0)"},
		{UserConfig{Name: "Ada", Username: "ZOE_N"}, `the username "ZOE_N" is taken`},
		{UserConfig{Name: "Ada", Username: "sample_bot"}, `the username "sample_bot" is taken`},
		{UserConfig{Name: "Ada", Username: "1ada"}, `"1ada" is not a username; it has 4 to 32 letters, digits and underscores, and begins with a letter`},
	} {
		_, err := w.NewUser(c.cfg)
		assert.EqualError(t, err, c.want)
	}
}

func TestAProfileHasItsPhotosNewestFirst(t *testing.T) {
	t.Parallel()
	s := set(t)
	s.expect(`{"total_count":0,"photos":[]}`, s.call("getUserProfilePhotos", "user_id", "zoe"))
	require.ErrorIs(t, s.SetPhoto(s.zoe.ID, nil), errNoContent)
	for _, content := range []string{"a", "bb", "ccc"} {
		require.NoError(t, s.SetPhoto(s.zoe.ID, []byte(content)))
	}
	assert.Empty(t, s.o.take())
	assert.Regexp(t, `^\{"total_count":3,"photos":\[\[\{[^]]*"file_size":3,[^]]*\],\[[^]]*"file_size":2,[^]]*\],\[[^]]*"file_size":1,[^]]*\]\]\}$`,
		s.call("getUserProfilePhotos", "user_id", "zoe"))
	assert.Regexp(t, `^\{"total_count":3,"photos":\[\[[^]]*"file_size":2,[^]]*\]\]\}$`, s.call("getUserProfilePhotos", "user_id", "zoe", "offset", "1", "limit", "1"))
	s.expect("400 Bad Request: user not found", s.call("getUserProfilePhotos", "user_id", "1"))
}
