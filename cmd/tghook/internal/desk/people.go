package desk

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/tghook/tghook/cmd/tghook/internal/state"
	"github.com/tghook/tghook/tghooktest"

	"github.com/tghook/tghook/cmd/tghook/internal/jsonhttp"
)

// User is a person on the desk. All bots have the same people.
type User struct {
	ID        int64  `json:"id"`
	Name      string `json:"name"`
	FirstName string `json:"first_name"`
	LastName  string `json:"last_name"`
	Username  string `json:"username"`
	Language  string `json:"language"`
	Premium   bool   `json:"premium"`
}

// config returns the user as tghooktest makes them.
func (u User) config() tghooktest.UserConfig {
	return tghooktest.UserConfig{Name: u.Name, Username: u.Username, Language: u.Language, Premium: u.Premium, ID: u.ID}
}

// userOf returns the user whom tghooktest has.
func userOf(c tghooktest.UserConfig) User {
	return User{ID: c.ID, Name: c.Name, Username: c.Username, Language: c.Language, Premium: c.Premium}.tidy()
}

// tidy returns the user with the names that Telegram makes of theirs.
func (u User) tidy() User {
	u.Name, u.Username = strings.Join(strings.Fields(u.Name), " "), strings.TrimPrefix(u.Username, "@")
	u.FirstName, u.LastName, _ = strings.Cut(u.Name, " ")
	u.Language = cmp.Or(u.Language, "en")
	return u
}

// people are the users, in the order in which they were made. The first is You, who is always
// there.
type people struct {
	file *state.File // which keeps them; nil if nothing does

	mu   sync.Mutex
	seed uint64
	all  []User
}

// peopleValue is the name of the people in the file.
const peopleValue = "people"

// keptPeople returns the people in the file.
type keptPeople struct {
	Seed  uint64 `json:"seed"`
	Users []User `json:"users"`
}

const (
	maxPeople  = 10_000
	maxName    = 64      // characters, as Telegram has it
	endOfUsers = 1 << 52 // ids are below
)

// newPeople returns the people that the file has kept. If it has none, or is nil, there is
// nobody but You.
func newPeople(seed uint64, file *state.File) (*people, error) {
	p := &people{file: file}
	if file == nil || file.Value(peopleValue) == nil {
		p.reset(seed)
		return p, nil
	}
	var kept keptPeople
	if err := json.Unmarshal(file.Value(peopleValue), &kept); err != nil || len(kept.Users) == 0 {
		return nil, fmt.Errorf("--state: the file has no users: %w", cmp.Or(err, errors.New("the list is empty")))
	}
	p.seed, p.all = kept.Seed, kept.Users
	return p, nil
}

// keep has the file keep the people. p.mu is held.
func (p *people) keep() {
	if p.file == nil {
		return
	}
	value, err := json.Marshal(keptPeople{p.seed, p.all})
	if err != nil {
		return // they have nothing that JSON cannot hold
	}
	p.file.Set(peopleValue, value)
}

// reset leaves nobody but You.
func (p *people) reset(seed uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seed, p.all = seed, nil
	p.all = append(p.all, User{Name: "You", ID: p.idOf("You")}.tidy())
	p.keep()
}

// add adds a user. It makes an id up if the user has none.
func (p *people) add(u User) (User, error) {
	u = u.tidy()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.all) >= maxPeople {
		return User{}, jsonhttp.Invalid("there are %d users, and there is room for no more", maxPeople)
	}
	if u.ID == 0 && u.Name != "" {
		u.ID = p.idOf(u.Name)
	}
	if err := p.check(u); err != nil {
		return User{}, err
	}
	if slices.ContainsFunc(p.all, func(other User) bool { return other.ID == u.ID }) {
		return User{}, taken("id %d", u.ID)
	}
	p.all = append(p.all, u)
	p.keep()
	return u, nil
}

// change replaces the user who has the same id.
func (p *people) change(u User) (User, error) {
	u = u.tidy()
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.check(u); err != nil {
		return User{}, err
	}
	for i := range p.all {
		if p.all[i].ID == u.ID {
			p.all[i] = u
		}
	}
	p.keep()
	return u, nil
}

// meet adds a user whom a bot has met. One who cannot be added is left out.
func (p *people) meet(u User) {
	if _, err := p.find(ref(itoa(u.ID))); err != nil {
		_, _ = p.add(u)
	}
}

// check checks what a user is to be. p.mu is held.
func (p *people) check(u User) error {
	switch {
	case u.Name == "":
		return jsonhttp.Invalid("name is empty; send a name, such as Ana")
	case len([]rune(u.FirstName)) > maxName || len([]rune(u.LastName)) > maxName:
		return jsonhttp.Invalid("name is too long; the first word and the rest have at most %d characters each", maxName)
	case u.Username != "" && !isUsername.MatchString(u.Username):
		return jsonhttp.Invalid("username is %q; it has 4 to 32 letters, digits and underscores, and begins with a letter", u.Username)
	case u.ID < 0 || u.ID >= endOfUsers:
		return jsonhttp.Invalid("id is %d; send a positive number below 2^52, or none", u.ID)
	}
	for _, other := range p.all {
		if other.ID != u.ID && u.Username != "" && strings.EqualFold(other.Username, u.Username) {
			return taken("username %q", u.Username)
		}
	}
	return nil
}

var isUsername = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_]{3,31}$`)

func taken(format string, args ...any) error {
	return &jsonhttp.Error{Status: http.StatusConflict, Code: "user_taken", Message: "another user has the " + fmt.Sprintf(format, args...) + "; send another one"}
}

// idOf makes an id up from the seed and the name. p.mu is held.
func (p *people) idOf(name string) int64 {
	for n := 0; ; n++ {
		h := fnv.New64a()
		_, _ = fmt.Fprintf(h, "%d %s %d", p.seed, name, n) // a hash takes all
		id := int64(1_000_000_000 + h.Sum64()%5_000_000_000)
		if !slices.ContainsFunc(p.all, func(u User) bool { return u.ID == id }) {
			return id
		}
	}
}

func (p *people) list() []User {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.all)
}

// find returns the user with the id or username; the first one if name is empty.
func (p *people) find(name ref) (User, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if name == "" {
		return p.all[0], nil
	}
	id, isID := name.id()
	for _, u := range p.all {
		if isID && u.ID == id || u.Username != "" && strings.EqualFold(u.Username, name.name()) {
			return u, nil
		}
	}
	return User{}, jsonhttp.NotFound("user", "there is no user %s; GET /api/users lists them, and POST /api/users makes one", name.shown())
}

// userIn is a user in a request. A field that is missing is nil.
type userIn struct {
	Name     *string `json:"name"`
	Username *string `json:"username"`
	Language *string `json:"language"`
	Premium  *bool   `json:"premium"`
}

// apply changes the user as the request says.
func (in userIn) apply(u *User) {
	for _, field := range []struct{ from, to *string }{{in.Name, &u.Name}, {in.Username, &u.Username}, {in.Language, &u.Language}} {
		if field.from != nil {
			*field.to = *field.from
		}
	}
	if in.Premium != nil {
		u.Premium = *in.Premium
	}
}

func (d *Desk) listUsers(*http.Request) (any, error) { return d.people.list(), nil }

func (d *Desk) addUser(r *http.Request) (any, error) {
	var in struct {
		userIn
		ID int64 `json:"id"`
	}
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	u := User{ID: in.ID}
	in.apply(&u)
	u, err := d.people.add(u)
	if err == nil {
		err = d.introduce(u)
	}
	return u, err
}

func (d *Desk) changeUser(r *http.Request) (any, error) {
	var in userIn
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	u, err := d.people.find(ref(r.PathValue("user")))
	if err != nil {
		return nil, err
	}
	in.apply(&u)
	if u, err = d.people.change(u); err != nil {
		return nil, err
	}
	return u, d.introduce(u)
}

// introduce tells all bots' worlds who a user is.
func (d *Desk) introduce(u User) error {
	for _, b := range d.bots.list() {
		if err := b.knows(u); err != nil {
			return err
		}
	}
	d.publish(Event{Kind: "user", User: u.ID, Object: encode(u)})
	return nil
}
