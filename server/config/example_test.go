package config_test

import (
	"fmt"

	"github.com/cloakroom-auth/cloakroom/server/config"
)

func ExampleCheck() {
	_, err := config.Check(config.Source{
		Environ: []string{"CLOAKROOM_SESION_IDLE=1h", "CLOAKROOM_LISTEN=0.0.0.0:8400"},
		Flags:   map[string]string{"limits.login": "no"},
	}, config.Production)
	fmt.Println(err)
	// Output:
	// environment: CLOAKROOM_SESION_IDLE: is not a known variable; did you mean CLOAKROOM_SESSION_IDLE?
	// flag: limits.login: "no" is not one of its values; write on or off
	// CLOAKROOM_LISTEN: base_url: is missing, and listen is not on loopback; set it to the https address by which people reach the server
}

func ExampleConfig_Settings() {
	c, err := config.Load(config.Source{Environ: []string{"CLOAKROOM_SESSION_IDLE=14d", "CLOAKROOM_ORIGINS=https://shop.example.com"}})
	if err != nil {
		fmt.Println(err)
	}
	for _, s := range c.Settings() {
		if s.Source != "default" {
			fmt.Println(s.Key, s.Values, s.Source)
		}
	}
	// Output:
	// session.idle [336h] CLOAKROOM_SESSION_IDLE
	// origins [https://shop.example.com] CLOAKROOM_ORIGINS
}
