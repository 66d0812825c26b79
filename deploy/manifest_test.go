package deploy_test

// manifest is what the files use of the kinds of Kubernetes; a key that is not here is refused.
type manifest struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string
	Metadata   metadata
	Type       string
	Data       map[string]string
	StringData map[string]string `yaml:"stringData"`
	Spec       struct {
		Replicas                int
		RevisionHistoryLimit    int            `yaml:"revisionHistoryLimit"`
		BackoffLimit            int            `yaml:"backoffLimit"`
		TTLSecondsAfterFinished int            `yaml:"ttlSecondsAfterFinished"`
		Selector                map[string]any // matchLabels, or in a Service the labels themselves
		PodSelector             selector       `yaml:"podSelector"`
		Template                struct {
			Metadata metadata
			Spec     pod
		}
		Strategy struct {
			Type          string
			RollingUpdate struct {
				MaxUnavailable *int `yaml:"maxUnavailable"`
				MaxSurge       int  `yaml:"maxSurge"`
			} `yaml:"rollingUpdate"`
		}
		ClusterIP                string `yaml:"clusterIP"`
		PublishNotReadyAddresses bool   `yaml:"publishNotReadyAddresses"`
		Ports                    []port
		MaxUnavailable           int      `yaml:"maxUnavailable"`
		PolicyTypes              []string `yaml:"policyTypes"`
		Ingress                  []rule
		Egress                   []rule
		IngressClassName         string `yaml:"ingressClassName"`
		TLS                      []struct {
			Hosts      []string
			SecretName string `yaml:"secretName"`
		} `yaml:"tls"`
		Rules []struct {
			Host string
			HTTP struct {
				Paths []struct {
					Path     string
					PathType string `yaml:"pathType"`
					Backend  struct {
						Service struct {
							Name string
							Port struct{ Name string }
						}
					}
				}
			} `yaml:"http"`
		}
		JobLabel  string `yaml:"jobLabel"`
		Endpoints []struct{ Port, Path, Interval string }
	}
	Resources []string
	Images    []struct {
		Name    string
		NewName string `yaml:"newName"`
		NewTag  string `yaml:"newTag"`
	}
}

type metadata struct {
	Name, Namespace     string
	Labels, Annotations map[string]string
}

type selector struct {
	MatchLabels map[string]string `yaml:"matchLabels"`
}

type port struct {
	Name       string
	Protocol   string
	Port       any    // a number or a name
	TargetPort string `yaml:"targetPort"`
}

type rule struct {
	From, To []struct {
		NamespaceSelector selector `yaml:"namespaceSelector"`
	}
	Ports []port
}

type pod struct {
	RestartPolicy             string   `yaml:"restartPolicy"`
	AutomountToken            *bool    `yaml:"automountServiceAccountToken"`
	EnableServiceLinks        *bool    `yaml:"enableServiceLinks"`
	TerminationGrace          int      `yaml:"terminationGracePeriodSeconds"`
	SecurityContext           security `yaml:"securityContext"`
	TopologySpreadConstraints []struct {
		MaxSkew           int      `yaml:"maxSkew"`
		TopologyKey       string   `yaml:"topologyKey"`
		WhenUnsatisfiable string   `yaml:"whenUnsatisfiable"`
		LabelSelector     selector `yaml:"labelSelector"`
	} `yaml:"topologySpreadConstraints"`
	Containers []container
	Volumes    []struct {
		Name      string
		ConfigMap struct{ Name string } `yaml:"configMap"`
		Secret    struct {
			SecretName  string `yaml:"secretName"`
			DefaultMode any    `yaml:"defaultMode"`
		}
		EmptyDir struct {
			SizeLimit string `yaml:"sizeLimit"`
		} `yaml:"emptyDir"`
	}
}

type security struct {
	RunAsNonRoot             bool                  `yaml:"runAsNonRoot"`
	RunAsUser                int                   `yaml:"runAsUser"`
	RunAsGroup               int                   `yaml:"runAsGroup"`
	FSGroup                  int                   `yaml:"fsGroup"`
	SeccompProfile           struct{ Type string } `yaml:"seccompProfile"`
	AllowPrivilegeEscalation *bool                 `yaml:"allowPrivilegeEscalation"`
	ReadOnlyRootFilesystem   bool                  `yaml:"readOnlyRootFilesystem"`
	Capabilities             struct{ Drop []string }
}

type container struct {
	Name, Image string
	Args        []string
	Env         []struct{ Name, Value string }
	Ports       []struct {
		Name          string
		ContainerPort int `yaml:"containerPort"`
	}
	StartupProbe   probe `yaml:"startupProbe"`
	LivenessProbe  probe `yaml:"livenessProbe"`
	ReadinessProbe probe `yaml:"readinessProbe"`
	Lifecycle      struct {
		PreStop struct {
			Sleep struct{ Seconds int }
		} `yaml:"preStop"`
	}
	Resources struct {
		Requests, Limits struct{ CPU, Memory string }
	}
	SecurityContext security `yaml:"securityContext"`
	VolumeMounts    []struct {
		Name      string
		MountPath string `yaml:"mountPath"`
		ReadOnly  bool   `yaml:"readOnly"`
	} `yaml:"volumeMounts"`
}

type probe struct {
	HTTPGet          struct{ Path, Port string } `yaml:"httpGet"`
	PeriodSeconds    int                         `yaml:"periodSeconds"`
	TimeoutSeconds   int                         `yaml:"timeoutSeconds"`
	FailureThreshold int                         `yaml:"failureThreshold"`
}
