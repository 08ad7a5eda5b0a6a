package sluice.emrtls;

import com.amazonaws.AmazonServiceException;
import com.amazonaws.SdkClientException;
import com.amazonaws.client.builder.AwsClientBuilder;
import com.amazonaws.services.ec2.AmazonEC2;
import com.amazonaws.services.ec2.AmazonEC2ClientBuilder;
import com.amazonaws.services.ec2.model.DescribeTagsRequest;
import com.amazonaws.services.ec2.model.DescribeTagsResult;
import com.amazonaws.services.ec2.model.Filter;
import com.amazonaws.services.ec2.model.TagDescription;
import com.amazonaws.services.kms.AWSKMS;
import com.amazonaws.services.kms.AWSKMSClientBuilder;
import com.amazonaws.services.kms.model.DecryptRequest;
import com.amazonaws.services.lambda.AWSLambda;
import com.amazonaws.services.lambda.AWSLambdaClientBuilder;
import com.amazonaws.services.lambda.model.InvokeRequest;
import com.amazonaws.services.lambda.model.InvokeResult;
import com.amazonaws.services.simplesystemsmanagement.AWSSimpleSystemsManagement;
import com.amazonaws.services.simplesystemsmanagement.AWSSimpleSystemsManagementClientBuilder;
import com.amazonaws.services.simplesystemsmanagement.model.GetParameterRequest;
import com.amazonaws.services.simplesystemsmanagement.model.ParameterNotFoundException;
import com.amazonaws.services.simplesystemsmanagement.model.ParameterVersionNotFoundException;
import com.amazonaws.util.EC2MetadataUtils;
import com.amazonaws.util.json.Jackson;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * AWS, asked with the instance's own role. The system property {@code emrtls.endpoint} leads the calls elsewhere, for a
 * check on one machine.
 */
public class AwsServices implements Services {
  /** Another version than the newest is asked for by a label behind a colon; the ARN of a parameter has none. */
  private static final String SELECTOR = ":";

  private final String region;
  private final String account;

  public AwsServices() {
    EC2MetadataUtils.InstanceInfo instance =
        ask("the instance metadata service", "let the instance metadata service answer on the node", EC2MetadataUtils::getInstanceInfo);
    if (instance == null)
      throw new ProviderFailure(
          "the instance metadata service gave no identity document; let it answer on the node");
    region = instance.getRegion();
    account = instance.getAccountId();
  }

  @Override
  public Map<String, String> tags() {
    String instance =
        ask("the instance metadata service", "let the instance metadata service answer on the node", EC2MetadataUtils::getInstanceId);
    AmazonEC2 ec2 = at(AmazonEC2ClientBuilder.standard());
    Map<String, String> tags = new HashMap<>();
    DescribeTagsRequest request =
        new DescribeTagsRequest().withFilters(new Filter("resource-id", Collections.singletonList(instance)));
    do {
      DescribeTagsResult page =
          ask("ec2:DescribeTags of " + instance, "allow the instance's role ec2:DescribeTags", () -> ec2.describeTags(request));
      List<TagDescription> found = page.getTags();
      found.forEach(tag -> tags.put(tag.getKey(), tag.getValue()));
      request.setNextToken(page.getNextToken());
    } while (request.getNextToken() != null && !request.getNextToken().isEmpty());
    return tags;
  }

  @Override
  public Optional<String> readParameter(String function, String parameter) {
    return function == null ? readOwn(parameter) : invoke(function, parameter).map(text -> decrypt(text, parameter));
  }

  private Optional<String> readOwn(String parameter) {
    AWSSimpleSystemsManagement ssm = at(AWSSimpleSystemsManagementClientBuilder.standard());
    GetParameterRequest request = new GetParameterRequest().withName(parameter).withWithDecryption(true);
    try {
      return Optional.of(
          ask(
              "ssm:GetParameter of " + parameter,
              "allow the instance's role ssm:GetParameter on it and kms:Decrypt on its key",
              () -> ssm.getParameter(request).getParameter().getValue()));
    } catch (ProviderFailure failure) {
      Throwable cause = failure.getCause();
      if (cause instanceof ParameterNotFoundException || cause instanceof ParameterVersionNotFoundException)
        return Optional.empty();
      throw failure;
    }
  }

  private Optional<String> invoke(String function, String parameter) {
    AWSLambda lambda = at(AWSLambdaClientBuilder.standard());
    InvokeRequest request =
        new InvokeRequest()
            .withFunctionName(function)
            .withPayload(Jackson.toJsonString(Collections.singletonMap("ParameterName", parameter)));
    InvokeResult result =
        ask(
            "lambda:InvokeFunction of " + function,
            "allow the instance's role lambda:InvokeFunction on it",
            () -> lambda.invoke(request));
    String answer = StandardCharsets.UTF_8.decode(result.getPayload()).toString();
    if (result.getFunctionError() == null) return Optional.of(textOf(answer, function, parameter));
    if (answer.contains("ParameterNotFound") || answer.contains("ParameterVersionNotFound")) return Optional.empty();
    throw new ProviderFailure(
        "the function " + function + " failed for " + parameter + ": " + answer + "; see the function's log");
  }

  private static String textOf(String json, String function, String parameter) {
    try {
      String text = Jackson.fromJsonString(json, String.class);
      if (text != null) return text;
    } catch (RuntimeException notText) {
      // Told below, without the answer.
    }
    throw new ProviderFailure(
        "the function " + function + " answered no text for " + parameter + "; deploy the broker's own code again");
  }

  /** The function answers what the store holds: a SecureString's ciphertext, encrypted for the parameter's ARN. */
  private String decrypt(String ciphertext, String parameter) {
    byte[] bytes;
    try {
      bytes = Base64.getDecoder().decode(ciphertext);
    } catch (IllegalArgumentException notBase64) {
      throw new ProviderFailure(
          "the function's answer for " + parameter + " is no ciphertext; store the parameter as a SecureString");
    }
    AWSKMS kms = at(AWSKMSClientBuilder.standard());
    DecryptRequest request =
        new DecryptRequest()
            .withCiphertextBlob(ByteBuffer.wrap(bytes))
            .addEncryptionContextEntry("PARAMETER_ARN", arnOf(parameter));
    ByteBuffer text =
        ask(
            "kms:Decrypt of " + parameter,
            "allow the instance's role kms:Decrypt on the parameter's key",
            () -> kms.decrypt(request).getPlaintext());
    return StandardCharsets.UTF_8.decode(text).toString();
  }

  private String arnOf(String parameter) {
    String name = parameter.split(SELECTOR)[0];
    String partition =
        region.startsWith("cn-") ? "aws-cn" : region.startsWith("us-gov-") ? "aws-us-gov" : "aws";
    return "arn:" + partition + ":ssm:" + region + ":" + account + ":parameter" + (name.startsWith("/") ? "" : "/") + name;
  }

  private <B extends AwsClientBuilder<B, T>, T> T at(B builder) {
    String endpoint = System.getProperty("emrtls.endpoint");
    if (endpoint == null) return builder.withRegion(region).build();
    return builder.withEndpointConfiguration(new AwsClientBuilder.EndpointConfiguration(endpoint, region)).build();
  }

  private static <T> T ask(String what, String cure, Supplier<T> call) {
    try {
      return call.get();
    } catch (AmazonServiceException refused) {
      throw new ProviderFailure(
          what + " was refused: " + refused.getErrorCode() + ": " + refused.getErrorMessage() + "; " + cure, refused);
    } catch (SdkClientException unanswered) {
      throw new ProviderFailure(what + " had no answer: " + unanswered.getMessage() + "; " + cure, unanswered);
    }
  }
}
