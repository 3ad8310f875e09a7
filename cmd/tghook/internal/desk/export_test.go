package desk

// Routes returns the method and path of each route.
func (d *Desk) Routes() map[string][]string {
	routes := map[string][]string{}
	for _, r := range d.routes() {
		routes[r.path] = append(routes[r.path], r.method)
	}
	return routes
}

// FirstUpdate is firstUpdate.
var FirstUpdate = firstUpdate
