package world

import (
	"encoding/json"
	"math"
	"strconv"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

// location is a Location.
type location struct {
	Latitude  float64 `json:"latitude"`
	Longitude float64 `json:"longitude"`
	Live      int64   `json:"live_period,omitempty"`
	Heading   int64   `json:"heading,omitempty"`
	Proximity int64   `json:"proximity_alert_radius,omitempty"`
	Accuracy  float64 `json:"horizontal_accuracy,omitempty"`
}

func place(p botapi.Params) (location, error) {
	l := location{Live: p.Int("live_period"), Heading: p.Int("heading"), Proximity: p.Int("proximity_alert_radius")}
	for name, to := range map[string]*float64{"latitude": &l.Latitude, "longitude": &l.Longitude, "horizontal_accuracy": &l.Accuracy} {
		if n, _ := strconv.ParseFloat(p.String(name), 64); !math.IsInf(n, 0) && !math.IsNaN(n) { // 0 for text that is not a number
			*to = n
		}
	}
	switch {
	case p.String("latitude") == "":
		return l, refusal("latitude is empty")
	case p.String("longitude") == "":
		return l, refusal("longitude is empty")
	}
	return l, nil
}

func (w *World) location(p botapi.Params) (Content, error) {
	l, err := place(p)
	return Content{Location: marshal(l)}, err
}

func (w *World) venue(p botapi.Params) (Content, error) {
	l, err := place(p)
	l.Live = 0
	return Content{Location: marshal(l), Venue: marshal(struct {
		Location       location `json:"location"`
		Title          string   `json:"title"`
		Address        string   `json:"address"`
		FoursquareID   string   `json:"foursquare_id,omitempty"`
		FoursquareType string   `json:"foursquare_type,omitempty"`
		GoogleID       string   `json:"google_place_id,omitempty"`
		GoogleType     string   `json:"google_place_type,omitempty"`
	}{
		l, p.String("title"), p.String("address"), p.String("foursquare_id"), p.String("foursquare_type"),
		p.String("google_place_id"), p.String("google_place_type"),
	})}, err
}

func (w *World) contact(p botapi.Params) (Content, error) {
	phone, err := required(p, "phone_number")
	if err != nil {
		return Content{}, err
	}
	name, err := required(p, "first_name")
	return Content{Contact: marshal(struct {
		Phone     string `json:"phone_number"`
		FirstName string `json:"first_name"`
		LastName  string `json:"last_name,omitempty"`
		VCard     string `json:"vcard,omitempty"`
	}{phone, name, p.String("last_name"), p.String("vcard")})}, err
}

// faces is how many values each dice emoji has.
var faces = map[string]uint64{"🎲": 6, "🎯": 6, "🎳": 6, "🏀": 5, "⚽": 5, "🎰": 64}

func (w *World) dice(p botapi.Params) (Content, error) {
	emoji := plainEmoji(p.String("emoji"))
	if emoji == "" {
		emoji = "🎲"
	}
	n, ok := faces[emoji]
	if !ok {
		return Content{}, refusal("EMOTICON_STICKER_NOT_FOUND")
	}
	w.count["dice"]++
	throw := w.draw("dice", w.count["dice"]) % n
	return Content{Dice: marshal(struct {
		Emoji string `json:"emoji"`
		Value uint64 `json:"value"`
	}{emoji, 1 + throw})}, nil
}

func (w *World) game(p botapi.Params) (Content, error) {
	name, err := required(p, "game_short_name")
	return Content{Game: marshal(struct {
		Title       string      `json:"title"`
		Description string      `json:"description"`
		Photo       []PhotoSize `json:"photo"`
	}{name, "", []PhotoSize{}})}, err
}

// objectOf returns a parameter that is an object.
func objectOf(p botapi.Params, name string) (object, error) {
	text, err := required(p, name)
	if err != nil {
		return nil, err
	}
	if !json.Valid([]byte(text)) {
		return nil, refusef("Can't parse %s JSON object", name)
	}
	o, ok := parseObject([]byte(text))
	if !ok {
		return nil, refusef("Object expected as %s", name)
	}
	return o, nil
}
