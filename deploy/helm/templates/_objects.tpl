{{/*
The chart renders the very objects of k8s/base and k8s/components (copied to files/ by `make manifests`) and changes in
them what values say. So there is one source, and a test compares both renderings.
*/}}

{{/* All documents of a folder of files/, as a list under `items`. */}}
{{- define "tributary.documents" -}}
{{- $items := list -}}
{{- range $path, $content := .root.Files.Glob (printf "files/%s/*.yaml" .folder) -}}
{{- range regexSplit "(?m)^---$" (toString $content) -1 -}}
{{- $document := fromYaml . -}}
{{- if $document -}}
{{- if hasKey $document "Error" -}}{{- fail (printf "%s: %s" $path $document.Error) -}}{{- end -}}
{{- $items = append $items $document -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- dict "items" $items | toYaml -}}
{{- end -}}

{{/* Settings: the base's, those of components, and what values say. */}}
{{- define "tributary.settings" -}}
{{- $settings := .Files.Get "files/settings.yaml" | fromYaml -}}
{{- if .Values.components.strimzi -}}{{- $settings = mergeOverwrite $settings (.Files.Get "files/settings-strimzi.yaml" | fromYaml) -}}{{- end -}}
{{- if .Values.components.certManager -}}{{- $settings = mergeOverwrite $settings (.Files.Get "files/settings-cert-manager.yaml" | fromYaml) -}}{{- end -}}
{{- mergeOverwrite $settings .Values.settings | toYaml -}}
{{- end -}}

{{- define "tributary.workspace" -}}
{{- if .Values.workspace -}}{{- toYaml .Values.workspace -}}
{{- else -}}{{- dict "workspace.yaml" (.Files.Get "files/workspace.yaml") | toYaml -}}{{- end -}}
{{- end -}}

{{/* Changes the pod of a workload, a Job or a CronJob: image, secrets, certificates. */}}
{{- define "tributary.changePod" -}}
{{- $values := .root.Values -}}
{{- $container := first .pod.containers -}}
{{- $_ := set $container "image" (printf "%s:%s" $values.image.repository ($values.image.tag | default .root.Chart.AppVersion)) -}}
{{- $_ := set $container "imagePullPolicy" $values.image.pullPolicy -}}
{{- if $values.image.pullSecrets -}}
{{- $secrets := list -}}
{{- range $values.image.pullSecrets -}}{{- $secrets = append $secrets (dict "name" .) -}}{{- end -}}
{{- $_ := set .pod "imagePullSecrets" $secrets -}}
{{- end -}}
{{- range .pod.volumes -}}
{{- if eq .name "secrets" -}}{{- $_ := set .secret "secretName" $values.secretName -}}{{- end -}}
{{- end -}}
{{- if $values.components.strimzi -}}
{{- $user := dict "secret" (dict "name" (printf "tributary-%s" .user) "items" (list (dict "key" "user.crt" "path" "user.crt") (dict "key" "user.key" "path" "user.key"))) -}}
{{- $authority := dict "secret" (dict "name" "kafka-cluster-ca-cert" "items" (list (dict "key" "ca.crt" "path" "cluster-ca.crt"))) -}}
{{- $_ := set .pod "volumes" (append .pod.volumes (dict "name" "kafka" "projected" (dict "defaultMode" 288 "sources" (list $user $authority)))) -}}
{{- $_ := set $container "volumeMounts" (append $container.volumeMounts (dict "name" "kafka" "mountPath" "/etc/tributary/kafka" "readOnly" true)) -}}
{{- end -}}
{{- if and $values.components.certManager (ne .user "collector") -}}
{{- $name := eq .user "command" | ternary "tributary-command-grpc" (printf "%s-grpc" .user) -}}
{{- $_ := set .pod "volumes" (append .pod.volumes (dict "name" "grpc" "secret" (dict "secretName" $name "defaultMode" 288))) -}}
{{- $_ := set $container "volumeMounts" (append $container.volumeMounts (dict "name" "grpc" "mountPath" "/etc/tributary/grpc" "readOnly" true)) -}}
{{- if ne .user "command" -}}
{{- $_ := set $container "env" (concat $container.env (.root.Files.Get "files/environment-cert-manager.yaml" | fromYamlArray)) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Changes a Deployment or StatefulSet. */}}
{{- define "tributary.changeWorkload" -}}
{{- $values := .root.Values -}}
{{- $name := .object.metadata.name -}}
{{- $service := get $values.services $name -}}
{{- $spec := .object.spec -}}
{{- $pod := $spec.template.spec -}}
{{- include "tributary.changePod" (dict "root" .root "pod" $pod "user" $name) -}}
{{- if or $values.components.keda $values.components.autoscaling -}}{{- $_ := unset $spec "replicas" -}}
{{- else if not (kindIs "invalid" $service.replicas) -}}{{- $_ := set $spec "replicas" $service.replicas -}}{{- end -}}
{{- if $service.resources -}}{{- $_ := set (first $pod.containers) "resources" $service.resources -}}{{- end -}}
{{- if $spec.volumeClaimTemplates -}}
{{- $claim := (first $spec.volumeClaimTemplates).spec -}}
{{- with $service.storage.size -}}{{- $_ := set $claim.resources.requests "storage" . -}}{{- end -}}
{{- with $service.storage.className -}}{{- $_ := set $claim "storageClassName" . -}}{{- end -}}
{{- end -}}
{{- $annotations := mergeOverwrite $spec.template.metadata.annotations $values.pods.annotations -}}
{{- $_ := set $annotations "checksum/settings" (include "tributary.settings" .root | sha256sum) -}}
{{- with $values.pods.nodeSelector -}}{{- $_ := set $pod "nodeSelector" . -}}{{- end -}}
{{- with $values.pods.tolerations -}}{{- $_ := set $pod "tolerations" . -}}{{- end -}}
{{- with get $values.pods.priorityClassNames $name -}}{{- $_ := set $pod "priorityClassName" . -}}{{- end -}}
{{- end -}}

{{/* Changes whatever object it is. */}}
{{- define "tributary.change" -}}
{{- $object := .object -}}
{{- $root := .root -}}
{{- if has $object.kind (list "Deployment" "StatefulSet") -}}
{{- include "tributary.changeWorkload" . -}}
{{- else if eq $object.kind "Job" -}}
{{/* A finished Job cannot be changed, and a hook after the installation would wait for pods that wait for it. */}}
{{- $_ := set $object.metadata "name" (printf "%s-%d" $object.metadata.name $root.Release.Revision) -}}
{{- include "tributary.changePod" (dict "root" $root "pod" $object.spec.template.spec "user" "command") -}}
{{- else if eq $object.kind "CronJob" -}}
{{- include "tributary.changePod" (dict "root" $root "pod" $object.spec.jobTemplate.spec.template.spec "user" "command") -}}
{{- else if eq $object.kind "Ingress" -}}
{{- $_ := set (first $object.spec.rules) "host" $root.Values.ingress.host -}}
{{- $_ := set (first $object.spec.tls) "hosts" (list $root.Values.ingress.host) -}}
{{- with $root.Values.ingress.className -}}{{- $_ := set $object.spec "ingressClassName" . -}}{{- end -}}
{{- with $root.Values.ingress.annotations -}}{{- $_ := set $object.metadata "annotations" . -}}{{- end -}}
{{- else if eq $object.kind "ScaledObject" -}}
{{- $settings := include "tributary.settings" $root | fromYaml -}}
{{- range $object.spec.triggers -}}
{{- if eq .type "kafka" -}}
{{- $_ := set .metadata "bootstrapServers" $settings.KAFKA_BROKERS -}}
{{- $_ := set .metadata "consumerGroup" (regexReplaceAll "^cdp\\." .metadata.consumerGroup (printf "%s." $settings.GROUP_PREFIX)) -}}
{{- $_ := set .metadata "topic" (regexReplaceAll "^cdp\\." .metadata.topic (printf "%s." $settings.TOPIC_PREFIX)) -}}
{{- if $root.Values.components.strimzi -}}
{{- $_ := set .metadata "tls" "enable" -}}
{{- $_ := set . "authenticationRef" (dict "name" "tributary-kafka") -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
